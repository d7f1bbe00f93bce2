/** Arithmetic of sequence numbers, modulo 2^32 (RFC 9293 3.4). */

/** How far `a` is ahead of `b`, negative when it is behind: -2^31 ... 2^31 - 1. */
export function ahead(a: number, b: number): number {
  return (a - b) | 0;
}

/** `by` further on. */
export function plus(a: number, by: number): number {
  return (a + by) >>> 0;
}

/** The one that is further on. */
export function furthest(a: number, b: number): number {
  return ahead(a, b) > 0 ? a : b;
}

/** Is `low` <= `n` <= `high`? */
export function between(low: number, n: number, high: number): boolean {
  return ahead(n, low) >= 0 && ahead(n, high) <= 0;
}
