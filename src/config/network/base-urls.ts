import { BASE_URL_FORMS, validateBaseUrl } from '../../base/urls/validate-base-url.ts'
import { redactUrl } from '../../base/text.ts'
import type { Environment, Settings } from '../settings.ts'

const URL_VARIABLE = /^AIBROKER_([A-Z0-9_]+)_URL$/

/** Base URLs from `AIBROKER_<NAME>_URL`, by `<NAME>`. */
export function baseUrls(env: Environment, settings: Settings): ReadonlyMap<string, string> {
  const urls = new Map<string, string>()
  for (const variable of Object.keys(env)) {
    const name = URL_VARIABLE.exec(variable)?.[1]
    const url = name === undefined ? undefined : settings.text(variable)
    if (name === undefined || url === undefined) continue
    const fault = validateBaseUrl(url)
    if (fault === undefined) urls.set(name, url.replace(/\/+$/, ''))
    else settings.addError(variable, `is “${redactUrl(url)}”, should be ${BASE_URL_FORMS} (${fault})`)
  }
  return urls
}

/** The form of a provider's name in environment variables: `my-llama.cpp` is `MY_LLAMA_CPP`. */
export function variableName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
}

/** The variable that replaces the base URL of a provider. */
export function urlVariable(name: string): string {
  return `AIBROKER_${variableName(name)}_URL`
}
