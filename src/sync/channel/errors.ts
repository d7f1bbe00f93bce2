/** Why the channel between nodes cannot be had; `message` is one line. */
export class ChannelError extends Error {
  readonly code: 'ECERTIFICATE' | 'ELISTEN';

  /** @param code `ECERTIFICATE`: a file of `api.tls` is not usable; `ELISTEN`: the address is not */
  constructor(code: ChannelError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChannelError';
    this.code = code;
  }
}
