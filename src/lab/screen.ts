/** What the demo shows while it runs. */
import { COLOUR, type Paint, PLAIN } from './picture.js';

/** Prints steps and progress; a terminal gets colours and a moving line, anything else plain text. */
export class Screen {
  readonly paint: Paint;
  readonly #terminal: boolean;
  readonly #begin = performance.now();
  #moving = false;

  constructor() {
    this.#terminal = process.stdout.isTTY === true;
    this.paint = this.#terminal && !process.env.NO_COLOR ? COLOUR : PLAIN;
  }

  /** A heading, with the time since the start. */
  step(text: string): void {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(1).padStart(5);
    this.#print(`\n${this.paint.faint(`${seconds}s`)}  ${text}`);
  }

  /** Something that was checked and is right. */
  good(text: string): void {
    this.#print(`        ${this.paint.good('✓')} ${text}`);
  }

  /** Something that is wrong. */
  bad(text: string): void {
    this.#print(`        ${this.paint.bad('✗')} ${text}`);
  }

  /** Text as it is, indented. */
  show(text: string): void {
    this.#print(text.trimEnd().replace(/^/gm, '        '));
  }

  /** A picture or anything else as wide as the screen. */
  wide(text: string): void {
    this.#print(text);
  }

  /** Replaces the moving line; only on a terminal. */
  progress(text: string): void {
    if (!this.#terminal) return;
    process.stdout.write(`\r\x1b[K        ${this.paint.faint(text)}`);
    this.#moving = true;
  }

  #print(text: string): void {
    if (this.#moving) process.stdout.write('\r\x1b[K');
    this.#moving = false;
    process.stdout.write(`${text}\n`);
  }
}
