import { basename } from 'node:path'

import type { z } from 'zod'

import { BrokerError } from '../../base/errors.ts'
import { buildCatalog } from '../build-catalog.ts'
import type { Catalog } from '../catalog.ts'
import { modelsSection } from './model-rows.ts'
import { providersSection, toProviderSetting } from './provider-rows.ts'
import type { ProviderSetting } from '../provider-setting.ts'
import { readModelsText } from './read-models-text.ts'
import { readYaml, type Problem } from './yaml-problems.ts'
import { record } from './yaml-schemas.ts'

/** The parsed content of `modelsconfig.yml`. */
export interface ModelsFile {
  readonly catalog: Catalog
  /** By name. */
  readonly providers: ReadonlyMap<string, ProviderSetting>
  /** What is wrong with the entries that were left out. */
  readonly leftOut?: string | undefined
}

const schema = record({ models: modelsSection.optional(), providers: providersSection.optional() })

/** Reads and parses the file. Throws `bad-request` that lists the problems of the file. */
export function readModelsFile(path: string): ModelsFile {
  return parseModelsFile(readModelsText(path), path)
}

/** Parses the text of a `modelsconfig.yml`; `path` is only used in error messages. */
export function parseModelsFile(text: string, path = 'modelsconfig.yml'): ModelsFile {
  const { value, problems, problemCount } = readYaml(text, schema)
  if (value === undefined) throw refusal(path, problems, problemCount)
  return fileOf(value)
}

/**
 * Parses the text for a start, when no earlier copy is in use: entries with problems are left out and named in `leftOut`. Throws as
 * `parseModelsFile` does where no model would be left, or where the file as a whole can't be read.
 */
export function parseUsableModelsFile(text: string, path = 'modelsconfig.yml'): ModelsFile {
  const { value, usable, problems, problemCount } = readYaml(text, schema)
  if (value !== undefined) return fileOf(value)
  const refused = refusal(path, problems, problemCount)
  if (usable?.models === undefined || usable.models.size === 0) throw refused
  return { ...fileOf(usable), leftOut: refused.message }
}

function fileOf(value: z.output<typeof schema>): ModelsFile {
  const providers = [...(value.providers ?? [])].map(([name, row]) => toProviderSetting(name, row))
  return Object.freeze({
    catalog: buildCatalog(value.models ?? new Map()),
    providers: new Map(providers.map((provider) => [provider.name, provider])),
  })
}

function refusal(path: string, problems: readonly Problem[], problemCount: number): BrokerError {
  const lines = problems.map(({ line, column, path: entry, message }) =>
    [`${path}:${line}:${column}`, entry, message].filter((part) => part !== '').join(': '),
  )
  const title = `${basename(path)} has ${problemCount === 1 ? 'a problem' : `${problemCount} problems`}`
  const unlisted = problemCount - problems.length
  const more = unlisted === 0 ? [] : [`and ${unlisted} more`]
  return new BrokerError('bad-request', [title, ...lines, ...more].join('\n'), {
    details: { metadata: { problems } },
  })
}
