/** A gRPC status becomes the error that a node threw; status-of.ts made it. */
import type { Position } from '../policy/plan.js';
import { ServiceError } from '../service.js';
import { decodePosition } from './client-codec.js';
import { ApiError, oneLine, POSITION_KEY } from './errors.js';
import { type FailedCall, GrpcStatus } from './grpc-status.js';

/**
 * The error behind a failed call: a `ServiceError` when the node refused, else an `ApiError`.
 *
 * @param socket named in messages
 */
export function errorOf(reply: FailedCall, socket: string): ServiceError | ApiError {
  const { code, details } = reply;
  switch (code) {
    case GrpcStatus.INVALID_ARGUMENT:
      return new ServiceError('invalid', details, positionOf(reply.metadata));
    case GrpcStatus.NOT_FOUND:
      return new ServiceError('not-found', details, positionOf(reply.metadata));
    case GrpcStatus.FAILED_PRECONDITION:
      return new ServiceError('precondition', details, positionOf(reply.metadata));
    case GrpcStatus.INTERNAL:
      return new ServiceError('internal', details, positionOf(reply.metadata));
    case GrpcStatus.UNAVAILABLE:
      return new ApiError('EUNAVAILABLE', oneLine(`${socket}: ${details}`));
    case GrpcStatus.DEADLINE_EXCEEDED:
      return mute(socket);
    case GrpcStatus.CANCELLED:
      return new ApiError('ECANCELLED', `the call to ${socket} was cancelled`);
    case GrpcStatus.UNIMPLEMENTED:
      return new ApiError('EPROTOCOL', `the daemon at ${socket} does not know this command`);
    default:
      return new ApiError('EPROTOCOL', oneLine(`${socket}: ${details}`));
  }
}

/** Somebody serves the socket and says nothing. */
export function mute(socket: string): ApiError {
  return new ApiError('ETIMEOUT', `the daemon at ${socket} does not answer in time`);
}

function positionOf(metadata: FailedCall['metadata']): Position | null {
  const [encoded] = metadata.get(POSITION_KEY);
  if (!Buffer.isBuffer(encoded)) return null;
  try {
    return decodePosition(encoded);
  } catch {
    return null;
  }
}
