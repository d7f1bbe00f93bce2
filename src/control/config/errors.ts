/** What kind of mistake a ConfigError reports. */
export type ConfigErrorCode =
  | 'unreadable'
  | 'syntax'
  | 'unknown-key'
  | 'missing'
  | 'invalid'
  | 'duplicate'
  | 'unsupported';

/** Where in the node file something stands; lines and columns from 1. */
export interface ConfigPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A mistake in the node file. `message` is one line: `file:line:column: what; hint`. */
export class ConfigError extends Error {
  readonly code: ConfigErrorCode;
  readonly position: ConfigPosition;
  readonly what: string;
  /** What to do about it, or ''. */
  readonly hint: string;

  constructor(code: ConfigErrorCode, position: ConfigPosition, what: string, hint = '') {
    const place = `${position.file}:${position.line}:${position.column}`;
    super(hint === '' ? `${place}: ${what}` : `${place}: ${what}; ${hint}`);
    this.name = 'ConfigError';
    this.code = code;
    this.position = position;
    this.what = what;
    this.hint = hint;
  }
}
