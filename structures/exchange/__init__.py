"""Exchanging the catalogue in data·inclusion v1: national files in, ours out.

A file is read row by row (`reading`), each row is validated and turned into ours (`checking`, `deriving`), laid down in
a temporary table and brought into the catalogue by statements over many rows (`merging`), all in one transaction
(`importing`). `writing` goes the other way. Neither holds more than a few rows at a time.
"""
