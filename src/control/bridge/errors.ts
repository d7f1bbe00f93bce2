/** Why the bridge cannot be made ready. */
export type BridgeErrorCode =
  | 'port-missing'
  | 'port-unfit'
  | 'port-in-bridge'
  | 'has-address'
  | 'has-default-route'
  | 'name-clash'
  | 'not-permitted'
  | 'kernel';

/** One thing that stands in the way, said in one line. */
export interface BridgeProblem {
  readonly code: BridgeErrorCode;
  /** The interface it is about. */
  readonly link: string;
  readonly message: string;
}

/**
 * The bridge cannot be made ready. `code` and `link` are those of the first problem; the message is
 * one line that holds them all.
 */
export class BridgeError extends Error {
  readonly code: BridgeErrorCode;
  readonly link: string;
  readonly problems: readonly BridgeProblem[];

  constructor(problems: readonly [BridgeProblem, ...BridgeProblem[]], options?: ErrorOptions) {
    super(problems.map((problem) => problem.message).join('; '), options);
    this.name = 'BridgeError';
    this.code = problems[0].code;
    this.link = problems[0].link;
    this.problems = problems;
  }
}
