/**
 * Errors across the wire: what a node throws becomes a gRPC status, and at the other end the same
 * error again.
 */
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { Position } from '../policy/plan.js';
import { ServiceError } from '../service.js';
import { apiDefinition } from './definition.js';

/** Trailing metadata that carries an encoded `bridgewall.v1.Position`. */
const POSITION_KEY = 'bridgewall-position-bin';

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

const STATUS_OF_CODE = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  precondition: status.FAILED_PRECONDITION,
  internal: status.INTERNAL,
} as const satisfies Record<ServiceError['code'], status>;

/** The status that tells a client about `error`; details are one line, with its position if it has one. */
export function statusOf(error: unknown): StatusObject {
  const metadata = new Metadata();
  if (error instanceof ApiError && error.code === 'EUNAVAILABLE') {
    return { code: status.UNAVAILABLE, details: oneLine(error.message), metadata };
  }
  if (!(error instanceof ServiceError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: status.INTERNAL, details: oneLine(message), metadata };
  }
  if (error.position !== null) {
    metadata.set(POSITION_KEY, apiDefinition().v1.Position.serialize(error.position));
  }
  return { code: STATUS_OF_CODE[error.code], details: lineOf(error), metadata };
}

/** The line that people see: `file:line:column: message`, or the message alone. */
export function lineOf(error: ServiceError): string {
  const { position } = error;
  if (position === null) return oneLine(error.message);
  const prefix = `${position.file}:${position.line}:${position.column}: `;
  return oneLine(error.message.startsWith(prefix) ? error.message : prefix + error.message);
}

/**
 * The error behind a failed call: a `ServiceError` when the node refused, else an `ApiError`.
 *
 * @param socket named in messages
 */
export function errorOf(reply: StatusObject, socket: string): ServiceError | ApiError {
  const { code, details } = reply;
  switch (code) {
    case status.INVALID_ARGUMENT:
      return new ServiceError('invalid', details, positionOf(reply.metadata));
    case status.NOT_FOUND:
      return new ServiceError('not-found', details, positionOf(reply.metadata));
    case status.FAILED_PRECONDITION:
      return new ServiceError('precondition', details, positionOf(reply.metadata));
    case status.INTERNAL:
      return new ServiceError('internal', details, positionOf(reply.metadata));
    case status.UNAVAILABLE:
      return new ApiError('EUNAVAILABLE', oneLine(`${socket}: ${details}`));
    case status.DEADLINE_EXCEEDED:
      return mute(socket);
    case status.CANCELLED:
      return new ApiError('ECANCELLED', `the call to ${socket} was cancelled`);
    case status.UNIMPLEMENTED:
      return new ApiError('EPROTOCOL', `the daemon at ${socket} does not know this command`);
    default:
      return new ApiError('EPROTOCOL', oneLine(`${socket}: ${details}`));
  }
}

/** Somebody serves the socket and says nothing. */
export function mute(socket: string): ApiError {
  return new ApiError('ETIMEOUT', `the daemon at ${socket} does not answer in time`);
}

function positionOf(metadata: Metadata): Position | null {
  const [encoded] = metadata.get(POSITION_KEY);
  if (!Buffer.isBuffer(encoded)) return null;
  try {
    const { file, line, column } = apiDefinition().v1.Position.deserialize(encoded);
    return { file, line, column };
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
