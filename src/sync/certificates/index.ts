export {
  type Authority,
  type Issued,
  issue,
  makeAuthority,
  type Validity,
} from './certificate.js';
export { type Revoked, readRevocations, writeRevocations } from './revocation.js';
