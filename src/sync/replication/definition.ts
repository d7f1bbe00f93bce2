/** The service as grpc-js wants it. */
import { join } from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { packageRoot } from '../../control/package.js';
import type { ProtoGrpcType } from '../../generated/proto/replication.js';

let loaded: ProtoGrpcType['bridgewall']['v1'] | undefined;

/** The options here and those of the type generator must agree. */
export function replicationDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  loaded ??= (
    loadPackageDefinition(
      loadSync('bridgewall/v1/replication.proto', {
        ...{ longs: Number, enums: String, defaults: true, oneofs: true },
        includeDirs: [join(packageRoot(), 'proto')],
      }),
    ) as unknown as ProtoGrpcType
  ).bridgewall.v1;
  return loaded;
}
