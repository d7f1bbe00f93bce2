/** What is refused, in words for whoever asked. */
import type { Position } from '../policy/plan.js';

/** An error that is the caller's to mend; its message is one clear line. */
export class ServiceError extends Error {
  readonly code: 'invalid' | 'not-found' | 'precondition' | 'internal';
  readonly position: Position | null;

  constructor(code: ServiceError['code'], message: string, position: Position | null = null) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.position = position;
  }
}
