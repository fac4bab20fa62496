import type { Secret } from '../../../base/secret.ts'

/** Returns a function that redacts the keys in a text, plain and encoded: three vendors echo URLs that contain the key. */
export function redactor(keys: readonly Secret[]): (text: string) => string {
  const forms = keys.flatMap((key) => formsOf(key.reveal())).filter((form) => form.length >= 4)
  if (forms.length === 0) return (text) => text
  const pattern = new RegExp(
    [...new Set(forms)].map((form) => form.replace(/[^\w]/g, '\\$&')).join('|'),
    'gi',
  )
  return (text) => text.replace(pattern, '***')
}

function formsOf(key: string): string[] {
  const once = encodeURIComponent(key)
  return [
    key,
    once,
    encodeURIComponent(once),
    new URLSearchParams({ k: key }).toString().slice(2),
    btoaSafe(key),
  ]
}

function btoaSafe(key: string): string {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(key))).replace(/=+$/, '')
}
