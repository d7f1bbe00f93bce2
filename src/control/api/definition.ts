/** The gRPC service as grpc-js wants it, made from the .proto file once per process. */
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType } from '../../generated/proto/node.js';
import { OPTIONS, PROTO_FILE, protoPath } from './definition-source.js';

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
      includeDirs: [protoPath('')],
    });
    const grown = loadPackageDefinition(packages) as unknown as ProtoGrpcType;
    loaded = { packages, v1: grown.bridgewall.v1 };
  }
  return loaded;
}
