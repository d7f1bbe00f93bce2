/** What goes wrong with the API itself, and how an error is told in one line. */
import type { ServiceError } from '../service.js';

/** Trailing metadata that carries an encoded `bridgewall.v1.Position`. */
export const POSITION_KEY = 'bridgewall-position-bin';

/** What can go wrong with the API itself, as opposed to what the node was asked. */
export type ApiErrorCode =
  /** Another process serves this socket. */
  | 'ESOCKETINUSE'
  /** The path cannot hold a socket. */
  | 'ESOCKETPATH'
  /** Nobody serves this socket, or whoever did has gone. */
  | 'EUNAVAILABLE'
  /** The caller may not open the socket. */
  | 'EACCESS'
  /** No answer in time. */
  | 'ETIMEOUT'
  /** The caller gave up. */
  | 'ECANCELLED'
  /** Client and daemon do not understand each other. */
  | 'EPROTOCOL';

/** An error of the API; its message is one clear line. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.code = code;
  }
}

/** The line that people see: `file:line:column: message`, or the message alone. */
export function lineOf(error: ServiceError): string {
  const { position } = error;
  if (position === null) return oneLine(error.message);
  const prefix = `${position.file}:${position.line}:${position.column}: `;
  return oneLine(error.message.startsWith(prefix) ? error.message : prefix + error.message);
}

export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
