/** Services between nodes as grpc-js wants them, made from their .proto files once per process. */
import { join } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { packageRoot } from '../../control/package.js';
import type { ProtoGrpcType } from '../../generated/proto/peer.js';

const loaded = new Map<string, GrpcObject>();

/**
 * The package of one file. The options here and those of the type generator must agree.
 *
 * @param file such as `bridgewall/v1/peer.proto`
 */
export function loadProto<Package>(file: string): Package {
  let found = loaded.get(file);
  if (found === undefined) {
    const packages = loadSync(file, {
      ...{ longs: Number, enums: String, defaults: true, oneofs: true },
      includeDirs: [join(packageRoot(), 'proto')],
    });
    found = loadPackageDefinition(packages);
    loaded.set(file, found);
  }
  return found as unknown as Package;
}

/** `bridgewall.v1` as far as peers greet each other. */
export function peerDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/peer.proto').bridgewall.v1;
}
