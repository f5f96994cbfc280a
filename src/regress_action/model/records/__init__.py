"""The JSON Lines form of a `Report`: a header, then one line per benchmark × metric; written once, never rewritten.

    {"schema":2,"kind":"report","series":2,"suite":"default","commit":"4f2a…","environment":{…},"runs":[{…},{…}],…}
    {"benchmark":"parse","metric":"time","unit":"s","direction":"lower","rounds":[5,5],"decimals":2,"values":[10,1]}
    {"benchmark":"parse","metric":"peak_memory","unit":"B","direction":"lower","values":[1048576,null]}

A line may hold `"noise":[0.021,57]`: how far neighbouring runs lie apart, as a share, and how many runs showed it.

The header says how many lines follow, so a file cut at the end of a line is noticed too. Fields that hold their
default are left out; NaN is null. Values are whole numbers over ten to the power of `decimals` wherever that is exact,
and then all but the first say what they have more than that (0.1 and 0.11 above), because runs of one report are alike:
it packs better. Elsewhere they are plain numbers. Every float comes back as it was.

Who changes the form raises `SCHEMA` and adds the step from the old one to `fields`: records are never rewritten, so
every schema ever written stays readable.
"""

from regress_action.model.records.fields import LARGEST, SCHEMA
from regress_action.model.records.reading import decode
from regress_action.model.records.writing import encode, path_of, slug

__all__ = ["LARGEST", "SCHEMA", "decode", "encode", "path_of", "slug"]
