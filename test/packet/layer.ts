/** How frames are put together: layers from the outside in, bytes from the inside out. */

/** The IP layer around another one: what pseudo headers are made of. */
export interface Network {
  readonly source: Buffer;
  readonly destination: Buffer;
}

export interface Enclosing {
  /** The layer that follows, or undefined for the last one. */
  readonly next: Layer | undefined;
  /** The nearest IP layer outside, if there is one. */
  readonly network: Network | undefined;
}

export interface Layer {
  /** What Ethernet or a VLAN tag outside writes to announce this layer. */
  readonly ethertype?: number;
  /** What an IP header outside writes to announce this layer. */
  readonly proto?: number;
  /** What an IPv6 header right outside has as its hop limit, unless told otherwise. */
  readonly hopLimit?: number;
  /** Set by IP layers. */
  readonly network?: Network;
  /** Header and payload. */
  build(payload: Buffer, enclosing: Enclosing): Buffer;
}

/** The bytes of a stack of layers, outermost first. Strings and bytes stand for themselves. */
export function frame(...layers: (Layer | Uint8Array | string)[]): Buffer {
  const stack = layers.map((layer) =>
    typeof layer === 'string' || layer instanceof Uint8Array ? raw(layer) : layer,
  );
  let network: Network | undefined;
  const networks = stack.map((layer) => {
    const outside = network;
    network = layer.network ?? network;
    return outside;
  });
  return stack.reduceRight<Buffer>(
    (payload, layer, index) =>
      layer.build(payload, { next: stack[index + 1], network: networks[index] }),
    Buffer.alloc(0),
  );
}

/** Bytes as they are; `proto` and `ethertype` announce them. */
export function raw(
  bytes: Uint8Array | string,
  announce: { proto?: number; ethertype?: number } = {},
): Layer {
  const head = Buffer.from(bytes);
  return { ...announce, build: (payload) => Buffer.concat([head, payload]) };
}

/** `count` bytes of filling that differ from each other, so that a shifted copy shows. */
export function filling(count: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, index) => (index * 7 + 1) & 0xff));
}

/** The frame cut to its first `length` bytes. */
export function cut(bytes: Buffer, length: number): Buffer {
  return bytes.subarray(0, length);
}

/** The frame padded with zeros to Ethernet's shortest, 60 bytes without its checksum. */
export function padded(bytes: Buffer, length = 60): Buffer {
  return bytes.length >= length
    ? bytes
    : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
}
