/** What ends a command with status 1. */

/** The command line, a file or the surroundings are not as they must be; the message is one clear line. */
export class CommandError extends Error {
  readonly code: 'EUSAGE' | 'EFILE' | 'ENODE';

  /**
   * @param code `EUSAGE`: arguments; `EFILE`: a file cannot be read; `ENODE`: which node is not clear
   */
  constructor(code: CommandError['code'], message: string) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
  }
}
