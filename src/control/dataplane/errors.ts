/** Why the dataplane could not do what it was asked. */
export type DataplaneErrorCode =
  | 'not-root'
  | 'old-kernel'
  | 'no-btf'
  | 'no-bpffs'
  | 'no-object'
  | 'load'
  | 'attach'
  | 'too-large'
  | 'too-many-ports'
  | 'install'
  | 'upgrade'
  | 'explain'
  | 'busy';

/** An error of the dataplane; its message is one clear line for an operator. */
export class DataplaneError extends Error {
  readonly code: DataplaneErrorCode;

  constructor(code: DataplaneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataplaneError';
    this.code = code;
  }
}
