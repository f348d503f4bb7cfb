"""`/e/NAME/...`: requests to endpoints, on the web process's event loop, without Django.

A request costs one look into a table, one exchange with a replica and a few additions;
the table is read from the database again when it is half a second old.
"""
