"""The program's named random streams, stated again from src/rng.rs: BLAKE3's key derivation, then ChaCha8.

    pip install blake3
"""

from blake3 import blake3

MASK = 0xFFFFFFFF


class Stream:
    """The 64-bit numbers of one purpose, seed and counter."""

    def __init__(self, purpose, seed, counter):
        name = purpose.encode()
        parts = [len(name).to_bytes(8, "little"), name, seed.to_bytes(8, "little"), counter.to_bytes(8, "little")]
        hasher = blake3(derive_key_context="pipeline.rng.v1")
        key = hasher.update(b"".join(parts)).digest()
        self.key = [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
        self.block, self.words = 0, []

    def next(self):
        if not self.words:
            self.words = chacha8(self.key, self.block)
            self.block += 1
        low, high = self.words.pop(0), self.words.pop(0)
        return low | high << 32

    def below(self, bound):
        return self.next() * bound >> 64

    def permutation(self, n):
        """Fisher and Yates's, from the end."""
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def chacha8(key, block):
    constants = [int.from_bytes(b"expand 32-byte k"[i : i + 4], "little") for i in range(0, 16, 4)]
    start = [*constants, *key, block & MASK, block >> 32, 0, 0]
    x = list(start)

    def quarter(a, b, c, d):
        for to, add, rotate, by in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
            x[to] = (x[to] + x[add]) & MASK
            y = x[rotate] ^ x[to]
            x[rotate] = (y << by | y >> (32 - by)) & MASK

    for _ in range(4):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return [(a + b) & MASK for a, b in zip(x, start)]


if __name__ == "__main__":
    # RFC 8439 has no eight-round vector; this is the all-zero key's first word from the reference implementation.
    assert chacha8([0] * 8, 0)[:2] == [0x2FEF003E, 0xD6405F89]
    print([Stream("order", 1, 2).next() for _ in range(1)])
