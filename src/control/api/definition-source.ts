/** Where the API is defined, and how its messages become objects: the type generator has the same options. */
import { join } from 'node:path';
import { packageRoot } from '../package.js';

/** Name of the service, as health checks and reflection know it. */
export const SERVICE_NAME = 'bridgewall.v1.Node';
export const PROTO_FILE = 'bridgewall/v1/node.proto';
export const OPTIONS = { longs: Number, enums: String, defaults: true, oneofs: true };

/** A file of the API by its name. */
export function protoPath(file: string): string {
  return join(packageRoot(), 'proto', file);
}
