import type { Provider, ProviderDefinition } from '../provider.ts'
import type { KeyTest } from './test-keys.ts'

/** A provider that is configured, or that lacks only a key. */
export interface KnownProvider {
  readonly definition: ProviderDefinition
  /** Where its requests go: a host, or the path of a Unix socket. */
  readonly host: string
  /** Environment variables in which its keys are looked up; empty when it needs none. */
  readonly keyVariables: readonly string[]
  /** Absent while its key is missing. */
  readonly provider: Provider | undefined
  /** Lists its models once with each of its keys. */
  testKeys(signal: AbortSignal): Promise<readonly KeyTest[]>
}
