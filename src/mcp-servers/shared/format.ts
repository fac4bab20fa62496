import type { Page, SearchRow, Usage } from './schemas.ts'
import { shorten } from './text.ts'

/** The text form of the shared schemas, for people and for clients without structured results. */

export function showSearch(found: {
  query: string
  results: readonly SearchRow[]
  answer?: { text: string; url?: string | undefined } | undefined
  related?: readonly string[] | undefined
  warnings?: readonly string[] | undefined
  usage: Usage
}): string {
  const warnings = (found.warnings ?? []).map((warning) => `Note: ${warning}`)
  const answer =
    found.answer === undefined ? [] : [`Answer: ${found.answer.text} ${found.answer.url ?? ''}`.trim(), '']
  const rows = found.results.length === 0 ? [`No results for “${found.query}”.`] : found.results.map(showRow)
  const related = (found.related ?? []).length === 0 ? [] : ['', `Related: ${found.related?.join('; ')}`]
  return [...answer, ...rows, ...related, ...warnings, '', showUsage(found.usage)].join('\n')
}

function showRow(row: SearchRow): string {
  const facts = [row.source, row.publishedAt].filter((fact) => fact !== undefined).join(', ')
  const head = `${row.position}. ${row.title}${facts === '' ? '' : ` (${facts})`}`
  return [
    head,
    `   ${row.url}`,
    ...(row.snippet === undefined ? [] : [`   ${shorten(row.snippet, 400)}`]),
  ].join('\n')
}

export function showPage(page: Page): string {
  const cut = page.truncated ? `\n\n[cut: ${page.content.length} of ${page.totalChars} characters]` : ''
  const where =
    page.finalUrl === undefined || page.finalUrl === page.url ? page.url : `${page.url} → ${page.finalUrl}`
  const head = `${where}${page.status === undefined ? '' : ` (HTTP ${page.status})`}`
  return `${head}\n\n${page.content}${cut}\n\n${showUsage(page.usage)}`
}

export function showUsage(usage: Usage): string {
  const facts = [
    usage.credits === undefined ? undefined : `${usage.credits} credits`,
    usage.creditsAtMost === undefined ? undefined : `at most ${usage.creditsAtMost} credits`,
    usage.costUsd === undefined ? undefined : `$${usage.costUsd}`,
    usage.remaining === undefined ? undefined : `${usage.remaining} credits left`,
  ].filter((fact) => fact !== undefined)
  return `Cost: ${facts.length === 0 ? 'not reported by the vendor' : facts.join(', ')}`
}

/** Formats rows of any kind: the name first, then the scalar fields. */
export function showRows(rows: readonly Readonly<Record<string, unknown>>[]): string {
  if (rows.length === 0) return 'Nothing found.'
  return rows.map((row, index) => `${index + 1}. ${showFacts(row)}`).join('\n')
}

const NAMES = ['title', 'name', 'value', 'question']

function showFacts(row: Readonly<Record<string, unknown>>): string {
  const name = NAMES.find((field) => typeof row[field] === 'string')
  const facts = Object.entries(row)
    .filter(([field, value]) => field !== name && ['string', 'number', 'boolean'].includes(typeof value))
    .map(([field, value]) => `   ${field}: ${shorten(String(value), 400)}`)
  return [name === undefined ? '' : String(row[name]), ...facts].join('\n')
}
