/**
 * `corrupt`: a file is not what was written. `missing`: a generation that is not kept. `io`: the
 * file system refused. `invalid`: a record that the schema refuses was to be written.
 */
export type StoreErrorCode = 'corrupt' | 'missing' | 'io' | 'invalid';

/** A failure of the store; `message` is one line that names the path. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly path: string;

  constructor(code: StoreErrorCode, path: string, what: string, options?: ErrorOptions) {
    super(`${path}: ${what}`, options);
    this.name = 'StoreError';
    this.code = code;
    this.path = path;
  }
}
