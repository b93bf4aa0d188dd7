#!/usr/bin/env python3
"""The plain script: Kafka -> geolocate (cached) -> Postgres with the fastest Python libraries there are.

usage: plain_script.py BROKERS TOPIC DSN COUNT ENDPOINT [CA_FILE]
3,000 records a transaction; its offsets are not kept, so a crash repeats or loses rows.
"""
import http.client
import ssl
import sys
from urllib.parse import urlsplit

import orjson
import psycopg
from confluent_kafka import Consumer, TopicPartition

brokers, topic, dsn, count, endpoint = sys.argv[1:6]
count = int(count)
url = urlsplit(endpoint)
if url.scheme == "https":
    context = ssl.create_default_context(cafile=sys.argv[6] if len(sys.argv) > 6 else None)
    api = http.client.HTTPSConnection(url.netloc, context=context)
else:
    api = http.client.HTTPConnection(url.netloc)
known = {}


def locate(ip):
    api.request("GET", f"{url.path or '/'}?ip={ip}")
    response = api.getresponse()
    a = orjson.loads(response.read()) if response.status == 200 else {}
    known[ip] = text = orjson.dumps(
        {"country": a["country_code"], "state": a["region_name"], "city": a["city_name"]} if a else {}).decode()
    return text


consumer = Consumer({"bootstrap.servers": brokers, "group.id": "plain-script", "enable.auto.commit": False,
                     "queued.min.messages": 10000000, "queued.max.messages.kbytes": 400000,
                     "fetch.max.bytes": 1000000})
partitions = consumer.list_topics(topic, 10).topics[topic].partitions
consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
done = 0
with psycopg.connect(dsn) as connection:
    while done < count:
        messages = consumer.consume(min(3000, count - done), 1.0)
        with connection.cursor() as cursor, cursor.copy(
                "COPY processed_events (ip, event_timestamp, referrer, host, url, geodata) FROM STDIN") as copy:
            for message in messages:
                e = orjson.loads(message.value())
                ip = e["ip"]
                copy.write_row((ip, e["event_time"], e.get("referrer"), e["host"], e["url"],
                                known.get(ip) or locate(ip)))
        connection.commit()
        done += len(messages)
consumer.close()
