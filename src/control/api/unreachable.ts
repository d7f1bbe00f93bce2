/** Whether somebody answers at a unix socket, and why not. */
import { connect } from 'node:net';
import { ApiError } from './errors.js';

/** Connects and hangs up: null, or the system's code of the refusal. */
export function knock(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(null);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/**
 * Why nobody could be reached at `path`, or null when somebody can be now. gRPC tells no reason that
 * could be relied on.
 */
export async function whyUnreachable(path: string): Promise<ApiError | null> {
  const refusal = await knock(path);
  switch (refusal) {
    case null:
      return null;
    case 'ENOENT':
      return new ApiError('EUNAVAILABLE', `no daemon: there is no socket ${path}`);
    case 'ECONNREFUSED':
      return new ApiError('EUNAVAILABLE', `no daemon answers at ${path}`);
    case 'EACCES':
    case 'EPERM':
      return new ApiError('EACCESS', `permission denied: ${path}`);
    default:
      return new ApiError('EUNAVAILABLE', `no daemon at ${path}: ${refusal}`);
  }
}
