"""Parses a TensorBoard event file as straightforward Python does, for test/bench/logs.ts to compare with.

usage: python3 parseEvents.py FILE [crc]
Prints the milliseconds that parsing took (reading the file included, starting Python not) and the scalars found.
With `crc` the checksums are verified too, with a table, as TensorBoard's own Python reader does.
"""
import struct
import sys
import time

TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)


def masked(data):
    crc = 0xFFFFFFFF
    table = TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    at = 0
    end = len(data)
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value = data[at:at + 8]
            at += 8
        elif kind == 5:
            value = data[at:at + 4]
            at += 4
        else:
            length, at = varint(data, at)
            value = data[at:at + length]
            at += length
        yield key >> 3, value


def main(path, check):
    started = time.perf_counter()
    data = open(path, "rb").read()
    at = count = 0
    points = {}
    while at + 12 <= len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        body = data[at + 12:at + 12 + length]
        if check and (masked(data[at:at + 8]) != crc
                      or masked(body) != struct.unpack_from("<I", data, at + 12 + length)[0]):
            break
        at += 16 + length
        step, wall, summary = 0, 0.0, b""
        for number, value in fields(body):
            if number == 1:
                wall = struct.unpack("<d", value)[0]
            elif number == 2:
                step = value
            elif number == 5:
                summary = value
        for number, value in fields(summary):
            tag = scalar = None
            for inner, part in fields(value):
                if inner == 1:
                    tag = part.decode()
                elif inner == 2:
                    scalar = struct.unpack("<f", part)[0]
            if scalar is not None:
                points.setdefault(tag, []).append((wall, step, scalar))
                count += 1
    print((time.perf_counter() - started) * 1000, count)


main(sys.argv[1], "crc" in sys.argv[2:])
