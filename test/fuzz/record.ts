/** What the host build wrote of its inputs: see write_frame() and write_map() in host/fuzz.c. */

/** Where things are in struct walk. */
export interface WalkLayout {
  readonly size: number;
  readonly frame: number;
  readonly frameSize: number;
  readonly quote: number;
  readonly verdict: number;
  readonly verdictSize: number;
}

export interface RecordedFrame {
  readonly port: number;
  readonly tc: boolean;
  readonly segments: number;
  readonly segmentSize: number;
  /** Jiffies since the input began. */
  readonly since: number;
  readonly rejudge: boolean;
  readonly by: number;
  readonly retval: number;
  readonly mark: number;
  readonly bytes: Buffer;
  readonly walk: Buffer;
}

/** Elements by key, both in hexadecimal. */
export type Elements = ReadonlyMap<string, string>;

export interface RecordedInput {
  readonly world: number;
  readonly frames: readonly RecordedFrame[];
  /** By name, those that it looked at, with the elements that it looked at. */
  readonly maps: ReadonlyMap<string, Elements>;
}

const NAME_LENGTH = 32;

export class Recording {
  readonly layout: WalkLayout;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const [size, frame, frameSize, quote, verdict, verdictSize] = this.#numbers(6);
    this.layout = {
      size: size!,
      frame: frame!,
      frameSize: frameSize!,
      quote: quote!,
      verdict: verdict!,
      verdictSize: verdictSize!,
    };
  }

  *inputs(): Generator<RecordedInput> {
    while (this.#at < this.#bytes.length) {
      const world = this.#number();
      const frames: RecordedFrame[] = [];
      while (this.#number() !== 0) frames.push(this.#frame());
      const maps = new Map<string, Elements>();
      while (this.#number() !== 0) {
        const name = this.#take(NAME_LENGTH).toString().replace(/\0.*$/s, '');
        maps.set(name, this.#map());
      }
      yield { world, frames, maps };
    }
  }

  #frame(): RecordedFrame {
    const numbers = this.#numbers(10);
    const [port, tc, segments, segmentSize, since, rejudge, by, retval, mark, length] = numbers;
    return {
      port: port!,
      tc: tc !== 0,
      segments: segments!,
      segmentSize: segmentSize!,
      since: since!,
      rejudge: (rejudge! & 0xff) !== 0,
      by: by!,
      retval: retval!,
      mark: mark!,
      bytes: this.#take(length!),
      walk: this.#take(this.layout.size),
    };
  }

  #map(): Elements {
    const [keySize, valueSize, count] = this.#numbers(3);
    const elements = new Map<string, string>();
    for (let n = 0; n < count!; n++) {
      const key = this.#take(keySize!).toString('hex');
      elements.set(key, this.#take(valueSize!).toString('hex'));
    }
    return elements;
  }

  #numbers(count: number): number[] {
    return Array.from({ length: count }, () => this.#number());
  }

  #number(): number {
    return this.#take(4).readUInt32LE(0);
  }

  #take(length: number): Buffer {
    const piece = this.#bytes.subarray(this.#at, this.#at + length);
    if (piece.length !== length) throw new Error('the record is cut short');
    this.#at += length;
    return piece;
  }
}
