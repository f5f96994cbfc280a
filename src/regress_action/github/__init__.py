"""Everything that is said to GitHub, and everything that is understood from it.

`events.decide` turns an event into a `Plan` without asking anybody; `client.connect` opens the line;
`speaking.speak` says what a judgement asks for. No missing permission and no bad day of the server changes the
verdict: it costs one notice.
"""
