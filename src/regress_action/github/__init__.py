"""Everything that is read from GitHub and published there.

`event.decide` turns an event into a `Plan` without any request; `client.connect` makes the one client;
`publish.publish` writes check run, comment and issues. A missing permission or a failing server never changes the
verdict: it costs one notice.
"""
