"""Git repositories of this machine that play CodeCommit's, and those behind CodeConnections.

A CodeCommit repository is a bare repository `repositories/<account>/<region>/<name>.git` below the sandbox's state; it
is made when it is first needed and pushed to like any other. A connection's repository `OWNER/NAME` is whatever lies at
`connections/OWNER/NAME`: a clone, a bare repository, or a link to one.
"""
