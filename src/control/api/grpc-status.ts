/** Codes of gRPC, which a client that loads no library has to know by itself. */

export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

const HIGHEST = 16;

/** How a call ended that did not end well. */
export interface FailedCall {
  readonly code: number;
  readonly details: string;
  readonly metadata: { get(key: string): readonly (string | Buffer)[] };
}

export function isFailedCall(error: unknown): error is Error & FailedCall {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const { code } = error;
  return typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= HIGHEST;
}
