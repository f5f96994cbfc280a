"""A digest service: agents read documents, a workflow orders them, and what they find is kept and answered for.

agents and workflow say what is done; workers do it many at a time; cache, artifacts and database keep it; sessions
remember who asked.
"""
