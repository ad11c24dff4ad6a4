"""The whole of Relais on one machine: embedded servers, supervisor, the runners of tests and benchmarks.

Production does not use this package: there, PostgreSQL, Redis and a supervisor are brought by the host
(see `docker-compose.yml`). Nothing here imports Django or another room of the house.
"""
