/** What a node throws becomes a gRPC status; reply-error.ts makes the same error of it at the other end. */
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { ServiceError } from '../service.js';
import { apiDefinition } from './definition.js';
import { ApiError, lineOf, oneLine, POSITION_KEY } from './errors.js';

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
