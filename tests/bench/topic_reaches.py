#!/usr/bin/env python3
"""Waits until a topic has COUNT records, or none came for 10 s.

usage: topic_reaches.py BROKERS TOPIC PARTITIONS COUNT
Prints records=N seconds=S, from its start to the last of them.
"""
import sys
import time

from confluent_kafka import Consumer, TopicPartition

brokers, topic, partitions, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "topic-reaches"})
start = last = time.monotonic()
reached = 0
while reached < count and time.monotonic() - last < 10:
    ends = sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(partitions))
    if ends > reached:
        reached, last = ends, time.monotonic()
    time.sleep(0.02)
print(f"records={reached} seconds={last - start:.3f}")
