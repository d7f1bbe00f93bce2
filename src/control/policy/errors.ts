import type { Position } from './plan.js';

/** What kind of mistake a policy holds. */
export type PolicyErrorCode =
  | 'syntax'
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'bad-address'
  | 'bad-service'
  | 'bad-name'
  | 'unknown-name'
  | 'dns-name'
  | 'unresolved'
  | 'cycle'
  | 'duplicate'
  | 'reserved-name'
  | 'unsupported'
  | 'too-large'
  | 'not-screened';

/** `file:line:column`, as editors and terminals understand it. */
export function formatPosition(position: Position): string {
  return `${position.file}:${position.line}:${position.column}`;
}

/**
 * A policy that cannot be used. The message is one line,
 * `file:line:column: what is wrong; hint: what to write instead`.
 */
export class PolicyError extends Error {
  readonly code: PolicyErrorCode;
  readonly position: Position;
  /** What is wrong, without position and hint. */
  readonly problem: string;
  readonly hint: string;

  constructor(code: PolicyErrorCode, position: Position, problem: string, hint: string) {
    const oneLine = printable(problem);
    super(`${formatPosition(position)}: ${oneLine}; hint: ${printable(hint)}`);
    this.name = 'PolicyError';
    this.code = code;
    this.position = position;
    this.problem = oneLine;
    this.hint = printable(hint);
  }
}

/** Texts of a policy end up on terminals: no line breaks, no control characters, no novels. */
function printable(text: string): string {
  return text.slice(0, 400).replace(/\p{Cc}/gu, '?');
}

/** Text of the policy as an error may show it: quoted, on one line, of bounded length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
