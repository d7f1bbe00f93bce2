/** Standard output: text for people, or JSON for programs. */
import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import { type Paint, paintFor, plain } from './format/paint.js';

/** Columns that are assumed when no terminal tells. */
const PAPER_WIDTH = 200;

/** Where a command puts what it has to say. */
export class Output {
  readonly json: boolean;
  readonly paint: Paint;
  /** Columns of the screen. */
  readonly width: number;
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WriteStream | WriteStream, json: boolean, env: NodeJS.ProcessEnv) {
    this.#stream = stream;
    this.json = json;
    this.paint = json ? plain : paintFor(stream.isTTY === true, env);
    this.width = stream.isTTY === true && stream.columns > 0 ? stream.columns : PAPER_WIDTH;
  }

  /** Lines for people. */
  async lines(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.#write(`${lines.join('\n')}\n`);
  }

  /** Text as it is. */
  async text(text: string): Promise<void> {
    if (text !== '') await this.#write(text);
  }

  /** One JSON document. */
  async document(value: object): Promise<void> {
    await this.#write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** JSON Lines: one object each. */
  async objects(values: readonly object[]): Promise<void> {
    if (values.length === 0) return;
    await this.#write(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  }

  /** The document, or what `format` makes of it for people. */
  async show<T extends object>(value: T, format: (value: T) => string[]): Promise<void> {
    await (this.json ? this.document(value) : this.lines(format(value)));
  }

  async #write(text: string): Promise<void> {
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }
}
