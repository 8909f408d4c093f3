"""Makes ``paillier.json``: ``python tests/vectors/make_paillier.py``. Run once; the tests only read its file.

Everything is computed a second time here, in plain Python from the papers' formulas, with none of the plugin's
code: so the file says what the scheme should give, not what it gives. Randomness is that of
``smarter.api.testing.schemes.SeededRandomness``, drawn in the order that the functions below show.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from smarter.api.testing.schemes import SeededRandomness

PROVENANCE = (
    "Made by tests/vectors/make_paillier.py in plain Python from Paillier (EUROCRYPT '99) and Damgård, Jurik and "
    "Nielsen (IJIS 9, 2010). Numbers are hexadecimal, big-endian; plaintexts and factors are decimal, signed."
)


def probably_prime(number: int) -> bool:
    if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for i in range(40):
        base = int.from_bytes(hashlib.sha256(b"%d" % i).digest(), "big") % (number - 3) + 2
        x = pow(base, odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def prime(bits: int, random: SeededRandomness) -> int:
    while True:
        candidate = int.from_bytes(random.bytes((bits + 7) // 8), "big") % (1 << bits)
        candidate |= (1 << (bits - 1)) | (1 << (bits - 2)) | 3
        if probably_prime(candidate):
            return candidate


def make_key(name: str, bits: int) -> dict[str, Any]:
    seed = f"key {name}"
    random = SeededRandomness(seed)
    while True:
        p, q = prime((bits + 1) // 2, random), prime(bits // 2, random)
        if p != q and math.gcd(p - 1, q - 1) == 2 and math.gcd(p * q, (p - 1) * (q - 1)) == 1:
            break
    n = p * q
    x = random.below(n)
    assert math.gcd(x, n) == 1
    hs = pow(-x * x % n, n, n * n)
    key = {"name": name, "key_bits": bits, "seed": seed, "p": p, "q": q, "n": n, "hs": hs}
    public = form(b"P", bits, key, ["n", "hs"])
    return {
        **key,
        "public": public,
        "private": form(b"S", bits, key, ["p", "q", "n", "hs"]),
        "fingerprint": hashlib.sha256(public).hexdigest()[:32],
    }


def form(
    half: bytes, bits: int, key: dict[str, Any], numbers: list[str], *, version: int = 1, name: bytes = b"paillier"
) -> bytes:
    sizes = {"n": bits, "hs": 2 * bits, "p": (bits + 1) // 2, "q": bits // 2}
    body = b"".join(key[number].to_bytes((sizes[number] + 7) // 8, "big") for number in numbers)
    return b"SMRTKEY" + bytes([version]) + half + bytes([len(name)]) + name + bits.to_bytes(4, "big") + body


def length(key: dict[str, Any]) -> int:
    return int(2 * key["key_bits"] + 7) // 8


def textbook_root(key: dict[str, Any], random: SeededRandomness) -> int:
    """The r in Z*_n whose r^n mod n² is a^p mod p² and b^q mod q², for a and b as the holder of p and q draws them."""
    p, q = key["p"], key["q"]
    a, b = 1 + random.below(p - 1), 1 + random.below(q - 1)
    of_p, of_q = pow(a, pow(q, -1, p - 1), p), pow(b, pow(p, -1, q - 1), q)
    return int(of_p + p * ((of_q - of_p) * pow(p, -1, q) % q))


def encrypt(key: dict[str, Any], blinding: str, seed: str, plaintexts: list[int]) -> list[bytes]:
    n, square, random = key["n"], key["n"] ** 2, SeededRandomness(seed)
    short = (key["key_bits"] + 1) // 2
    ciphertexts = []
    for plaintext in plaintexts:
        if blinding == "djn":
            r = int.from_bytes(random.bytes((short + 7) // 8), "big") % (1 << short)
            factor = pow(key["hs"], r, square)
        elif blinding == "holder":
            factor = pow(textbook_root(key, random), n, square)
        else:
            factor = pow(random.below(n), n, square)
        ciphertexts.append(((1 + n * (plaintext % n)) * factor % square).to_bytes(length(key), "big"))
    return ciphertexts


def plaintexts_of(key: dict[str, Any]) -> list[int]:
    top = 1 << (key["key_bits"] - 2)
    return [0, 1, -1, 100_000_000, top - 1, -top]


def holder_cases(key: dict[str, Any]) -> dict[str, Any]:
    seed, plaintexts = f"holder {key['name']}", plaintexts_of(key)
    ciphertexts = encrypt(key, "holder", seed, plaintexts)
    return {"key": key["name"], "seed": seed, "plaintexts": plaintexts, "ciphertexts": ciphertexts}


def cases(key: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    plaintexts = plaintexts_of(key)
    square = key["n"] ** 2
    encryptions, sums, products = [], [], []
    for blinding in ("djn", "exact"):
        seed = f"{blinding} {key['name']}"
        made = encrypt(key, blinding, seed, plaintexts)
        encryptions.append(
            {
                "key": key["name"],
                "blinding": blinding,
                "seed": seed,
                "plaintexts": plaintexts,
                "ciphertexts": made,
            }
        )
        numbers = [int.from_bytes(one, "big") for one in made]
        total = math.prod(numbers) % square
        sums.append(
            {
                "key": key["name"],
                "ciphertexts": made,
                "plaintext": sum(plaintexts),
                "ciphertext": total.to_bytes(length(key), "big"),
            }
        )
        for factor in (3, -1, -7, 0):
            product = pow(numbers[3], factor, square)
            products.append(
                {
                    "key": key["name"],
                    "ciphertext": made[3],
                    "factor": factor,
                    "plaintext": factor * plaintexts[3],
                    "product": product.to_bytes(length(key), "big"),
                }
            )
    return {"encryptions": encryptions, "sums": sums, "products": products}


def bad_ciphertexts(key: dict[str, Any]) -> list[dict[str, Any]]:
    size, n = length(key), key["n"]
    good = encrypt(key, "djn", "good", [1])[0]
    bad = {
        "bad-empty": b"",
        "bad-short-by-a-byte": good[:-1],
        "bad-long-by-a-byte": good + b"\0",
        "bad-zero": bytes(size),
        "bad-modulus": n.to_bytes(size, "big"),
        "bad-multiple-of-p": (key["p"] * 12_345).to_bytes(size, "big"),
        "bad-multiple-of-q": (n**2 - key["q"]).to_bytes(size, "big"),
        "bad-modulus-squared": (n**2).to_bytes(size, "big"),
        "bad-over-modulus-squared": (n**2 + 1).to_bytes(size, "big"),
        "bad-all-ones": b"\xff" * size,
    }
    return [{"name": name, "key": key["name"], "ciphertext": blob} for name, blob in bad.items()]


def bad_public_keys(key: dict[str, Any]) -> list[dict[str, Any]]:
    bits, n = key["key_bits"], key["n"]

    def made(**changes: Any) -> bytes:
        return form(b"P", bits, {**key, **changes}, ["n", "hs"])

    good = made()
    bad = {
        "bad-empty": b"",
        "bad-magic": b"X" + good[1:],
        "bad-version": form(b"P", bits, key, ["n", "hs"], version=2),
        "bad-half": form(b"S", bits, key, ["n", "hs"]),
        "bad-scheme": form(b"P", bits, key, ["n", "hs"], name=b"paillieR"),
        "bad-header-alone": good[:18],
        "bad-short-by-a-byte": good[:-1],
        "bad-long-by-a-byte": good + b"\0",
        "bad-size-of-zero": good[:18] + bytes(4) + good[22:],
        "bad-size-of-four-gigabits": good[:18] + b"\xff" * 4 + good[22:],
        "bad-even-modulus": made(n=n + 1),
        "bad-modulus-a-bit-short": made(n=n >> 1 | 1),
        "bad-base-zero": made(hs=0),
        "bad-base-one": made(hs=1),
        "bad-base-shares-a-factor": made(hs=key["p"]),
        "bad-base-beyond-modulus-squared": made(hs=n**2 + 1),
    }
    return [{"name": name, "public": blob} for name, blob in bad.items()]


def bad_private_keys(key: dict[str, Any]) -> list[dict[str, Any]]:
    bits, n, p, q = key["key_bits"], key["n"], key["p"], key["q"]

    def made(**changes: Any) -> bytes:
        return form(b"S", bits, {**key, **changes}, ["p", "q", "n", "hs"])

    random = SeededRandomness("bad")
    composite = prime(bits // 4, random) * prime(bits // 4, random)
    square = prime(bits // 2, random)
    while True:
        one_mod_four = prime(bits // 2, random) - 2
        if probably_prime(one_mod_four):
            break

    def of_factors(p: int, q: int) -> bytes:
        modulus = p * q
        size = modulus.bit_length()
        changed = {"n": modulus, "p": p, "q": q, "hs": pow(4, modulus, modulus**2)}
        return form(b"S", size, changed, ["p", "q", "n", "hs"])

    bad = {
        "bad-empty": b"",
        "bad-public-half": key["public"],
        "bad-short-by-a-byte": made()[:-1],
        "bad-primes-of-another-modulus": made(p=p + 2),
        "bad-primes-zero": made(p=0, q=0),
        "bad-composite-factor": of_factors(composite, q),
        "bad-equal-primes": of_factors(square, square),
        "bad-prime-one-mod-four": of_factors(one_mod_four, q),
        "bad-base-no-residue": made(hs=key["hs"] * (1 + n) % n**2),
    }
    return [{"name": name, "private": blob} for name, blob in bad.items()]


def written(value: Any, field: str = "") -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: written(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [written(item, field) for item in value]
    if isinstance(value, int) and field in ("p", "q", "n", "hs"):
        return f"{value:x}"
    if isinstance(value, int) and field in ("plaintext", "plaintexts", "factor"):
        return str(value)
    return value


def main() -> None:
    keys = [make_key("512", 512), make_key("517", 517), make_key("1027", 1027), make_key("2048", 2048)]
    vectors: dict[str, Any] = {"provenance": PROVENANCE, "keys": keys}
    for key in keys:
        for kind, made in cases(key).items():
            vectors.setdefault(kind, []).extend(made)
    vectors["holder-encryptions"] = [holder_cases(key) for key in keys]
    vectors["bad-ciphertexts"] = bad_ciphertexts(keys[0]) + bad_ciphertexts(keys[1])
    vectors["bad-public-keys"] = bad_public_keys(keys[0])
    vectors["bad-private-keys"] = bad_private_keys(keys[0])
    text = json.dumps(written(vectors), indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_name("paillier.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
