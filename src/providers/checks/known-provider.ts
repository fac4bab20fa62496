import type { Provider, ProviderDefinition } from '../provider.ts'
import type { KeyTest } from './test-keys.ts'

/** A provider that is configured, or that lacks only a key or an address. */
export interface KnownProvider {
  readonly definition: ProviderDefinition
  /** Where its requests go: a host, or the path of a Unix socket; the form of an address that is not configured. */
  readonly host: string
  /** Environment variables in which its keys are looked up, after that of an address that is missing; empty when it needs none. */
  readonly keyVariables: readonly string[]
  /** Absent while its key is missing. */
  readonly provider: Provider | undefined
  /** Lists its models once with each of its keys. */
  testKeys(signal: AbortSignal): Promise<readonly KeyTest[]>
}
