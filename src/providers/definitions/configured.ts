import { BrokerError } from '../../base/errors.ts'
import type { ProviderSetting } from '../../catalog/provider-setting.ts'
import { isRequestRulesName } from '../request-rules/index.ts'
import { KNOWN_PROVIDERS } from './index.ts'
import type { ProviderDefinition, Quirks } from '../provider.ts'

const PREFIX_MARKERS = ['role', 'prefix', 'partial', 'continue_final_message', 'none'] as const

/** The quirks of the models file, and how their values are read. */
const QUIRKS: Readonly<Record<string, (value: string | number | boolean) => Quirks | undefined>> = {
  max_tokens_field: (value) =>
    value === 'max_tokens' || value === 'max_completion_tokens' ? { maxTokensField: value } : undefined,
  refuses_stream_options: (value) =>
    typeof value === 'boolean' ? { refusesStreamOptions: value } : undefined,
  prefix_marker: (value) =>
    PREFIX_MARKERS.flatMap((prefixMarker) => (prefixMarker === value ? { prefixMarker } : []))[0],
  request_rules: (value) => (isRequestRulesName(value) ? { requestRules: value } : undefined),
  most_inputs: (value) =>
    typeof value === 'number' && Number.isInteger(value) && value > 0 ? { maxInputs: value } : undefined,
  takes_cache_control: (value) => (typeof value === 'boolean' ? { acceptsCacheControl: value } : undefined),
  speaks_openrouter: (value) => (typeof value === 'boolean' ? { speaksOpenRouter: value } : undefined),
}

/** Every provider that can be configured: the known ones with the models file's changes, and those it adds. Throws `bad-request`. */
export function definitionsOf(settings: ReadonlyMap<string, ProviderSetting>): readonly ProviderDefinition[] {
  const known = KNOWN_PROVIDERS.map((definition) => withSetting(definition, settings.get(definition.id)))
  const isKnown = new Set(known.map(({ id }) => id))
  const added = [...settings.values()].filter(({ name }) => !isKnown.has(name)).map(definitionFrom)
  return [...known, ...added]
}

function withSetting(
  definition: ProviderDefinition,
  setting: ProviderSetting | undefined,
): ProviderDefinition {
  if (setting === undefined) return definition
  // A local server may have the name of a vendor, and has nothing else of it.
  if (setting.server !== undefined) return definitionFrom(setting)
  return {
    ...definition,
    displayName: setting.displayName ?? definition.displayName,
    baseUrl: setting.baseUrl ?? definition.baseUrl,
    protocol: setting.protocol ?? definition.protocol,
    abortStopsBilling: setting.abortStopsBilling ?? definition.abortStopsBilling,
    abortStopsPlainBilling: setting.abortStopsPlainBilling ?? definition.abortStopsPlainBilling,
    quirks: { ...definition.quirks, ...quirksOf(setting) },
    headers: { ...definition.headers, ...Object.fromEntries(setting.headers) },
  }
}

/** A provider that only the models file knows. What it bills after an abort is unknown, so the worst case is assumed. */
function definitionFrom(setting: ProviderSetting): ProviderDefinition {
  return {
    id: setting.name,
    displayName: setting.displayName ?? setting.name,
    baseUrl: setting.baseUrl ?? '',
    protocol: setting.protocol,
    abortStopsBilling: setting.abortStopsBilling ?? setting.server !== undefined,
    abortStopsPlainBilling: setting.abortStopsPlainBilling,
    needsKey: setting.keyEnv !== undefined,
    quirks: quirksOf(setting),
    headers: Object.fromEntries(setting.headers),
  }
}

function quirksOf({ name, quirks }: ProviderSetting): Quirks {
  let all: Quirks = {}
  for (const [quirk, value] of quirks) {
    const read = Object.hasOwn(QUIRKS, quirk) ? QUIRKS[quirk]?.(value) : undefined
    if (read === undefined) {
      const names = Object.keys(QUIRKS).join(', ')
      throw new BrokerError(
        'bad-request',
        `providers.${name}.quirks: “${quirk}: ${value}” is not a known quirk or value; known quirks are ${names}`,
      )
    }
    all = { ...all, ...read }
  }
  return all
}
