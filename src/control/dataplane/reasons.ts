/** Names and explanations of drop reasons, as the loaded object itself gives them. */
import { reasonText } from '../../generated/layouts.js';

export interface ReasonText {
  readonly name: string;
  readonly text: string;
}

/** Reasons by number, from the bytes of the object's `reason_table`. */
export class Reasons {
  readonly #table: readonly ReasonText[];

  constructor(table: Uint8Array) {
    const rows: ReasonText[] = [];
    for (let at = 0; at + reasonText.size <= table.length; at += reasonText.size) {
      const row = reasonText.decode(table, at);
      rows.push({ name: row.name, text: row.text });
    }
    this.#table = rows;
  }

  get count(): number {
    return this.#table.length;
  }

  /** Never fails: a number the table does not know is named as that. */
  get(number: number): ReasonText {
    const row = this.#table[number];
    return row !== undefined && row.name !== ''
      ? row
      : { name: `reason-${number}`, text: 'a reason this version does not know' };
  }

  /** Explanation of a reason by its name. */
  explain(name: string): string {
    return this.#table.find((row) => row.name === name)?.text ?? '';
  }
}
