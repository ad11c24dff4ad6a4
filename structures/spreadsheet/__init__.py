"""Actions in a spreadsheet: its cells are read, its columns recognised, each row planned, and files written back.

Nothing here writes to the database: `ImportBatch` does, from what `plan` says.
"""
