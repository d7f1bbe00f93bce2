/**
 * The gRPC service as grpc-js wants it, made from the .proto file once per process. The options here
 * and those of the type generator must agree.
 */
import { join } from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../generated/proto/node.js';
import { packageRoot } from '../package.js';

/** Name of the service, as health checks and reflection know it. */
export const SERVICE_NAME = 'bridgewall.v1.Node';

const PROTO_FILE = 'bridgewall/v1/node.proto';
const OPTIONS: Options = { longs: Number, enums: String, defaults: true, oneofs: true };

/** The loaded package. */
export interface ApiDefinition {
  /** For reflection. */
  readonly packages: PackageDefinition;
  readonly v1: ProtoGrpcType['bridgewall']['v1'];
}

let loaded: ApiDefinition | undefined;

/** Loads the API's definition; the second call costs nothing. */
export function apiDefinition(): ApiDefinition {
  if (loaded === undefined) {
    const packages = loadSync(PROTO_FILE, {
      ...OPTIONS,
      includeDirs: [join(packageRoot(), 'proto')],
    });
    const grown = loadPackageDefinition(packages) as unknown as ProtoGrpcType;
    loaded = { packages, v1: grown.bridgewall.v1 };
  }
  return loaded;
}
