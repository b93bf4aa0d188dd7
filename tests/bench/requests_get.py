#!/usr/bin/env python3
"""The lab's UDF: one requests.get for each record, each with a connection of its own.

usage: requests_get.py ENDPOINT CA_FILE COUNT
The authorities that requests brings along are read each time, as by default; CA_FILE's stands behind them.
Prints per_s=N: addresses a second in one process.
"""
import sys
import tempfile
import time

import certifi
import requests

endpoint, ca_file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
bundle = tempfile.NamedTemporaryFile("w", suffix=".pem")
for path in certifi.where(), ca_file:
    with open(path, encoding="ascii", errors="ignore") as authorities:
        bundle.write(authorities.read() + "\n")
bundle.flush()
start = time.monotonic()
for i in range(count):
    response = requests.get(endpoint, params={"ip": f"93.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", "key": "k"}, verify=bundle.name)
    if response.status_code != 200 or "country_code" not in response.json():
        sys.exit(f"{response.status_code}: {response.text[:100]}")
print(f"per_s={count / (time.monotonic() - start):.1f}")
