import type { Secret } from '../../base/secret.ts'
import type { ProviderDefinition } from '../../providers/provider.ts'
import { CASCADE_HEADER } from '../hop/hop-headers.ts'
import { baseUrlOf, type Mother } from './mother.ts'

/** A mother as a provider, in plain data that can be sent to a worker process. */
export interface MotherProvider {
  readonly definition: ProviderDefinition
  /** The bearer token in the clear. */
  readonly token: string | undefined
  /** Requests to her are sent under a lease. */
  readonly isLeased: boolean
}

/**
 * The providers that the enabled mothers are to routing.
 *
 * @param tokenIn reads the token of an environment variable.
 * @param attests whether a mother keeps to restrictions.
 */
export function motherProviders(
  mothers: readonly Mother[],
  tokenIn: (variable: string) => Secret | undefined,
  attests: (id: string) => boolean,
): readonly MotherProvider[] {
  return mothers
    .filter(({ enabled }) => enabled)
    .map((mother) => {
      const { tokenEnv } = mother
      const token = mother.token ?? (tokenEnv === undefined ? undefined : tokenIn(tokenEnv))
      const definition = { ...definitionOf(mother), attestsPolicy: attests(mother.id) }
      return { definition, token: token?.reveal(), isLeased: mother.leaseUsd !== undefined }
    })
}

function definitionOf(mother: Mother): ProviderDefinition {
  return {
    id: mother.id,
    displayName: mother.label ?? mother.id,
    baseUrl: baseUrlOf(mother),
    needsKey: false,
    // She hears of an abort at once, decides what to do with her own provider, and states afterwards what it cost.
    abortStopsBilling: true,
    abortStopsPlainBilling: true,
    // Whether the provider behind her continues from a prefix is hers to know.
    quirks: { speaksOpenRouter: true, speaksCascade: true, prefixMarker: 'none' },
    headers: { [CASCADE_HEADER]: '1' },
    fingerprint: mother.fingerprint,
  }
}
