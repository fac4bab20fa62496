import { isMap, isSeq } from 'yaml'
import type { Node, YAMLMap } from 'yaml'

import { findNearest } from '../../base/nearest-names.ts'
import { complain, entries, inside, isNothing, kindOf, resolved } from './yaml-page.ts'
import type { Form, Spot } from './yaml-page.ts'

type Field<T> = { readonly form: Form<T>; readonly isRequired: boolean }
type Fields = Readonly<Record<string, Field<unknown>>>
type RequiredField<T> = Field<T> & { readonly isRequired: true }
type ReadFields<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends RequiredField<infer T>
    ? T
    : F[K] extends Field<infer T>
      ? T | undefined
      : never
}

export function required<T>(form: Form<T>): RequiredField<T> {
  return { form, isRequired: true }
}

export function optional<T>(form: Form<T>): Field<T> & { readonly isRequired: false } {
  return { form, isRequired: false }
}

/** A mapping with known keys only; an unknown one is a complaint that names the nearest known one. */
export function record<F extends Fields>(fields: F): Form<ReadFields<F>> {
  return (spot) => {
    const map = mapping(spot)
    if (map === undefined) return undefined
    const read = new Map<string, unknown>()
    for (const [key, inner] of entries(map, spot)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined
      if (field === undefined) complain(inner.at, unknownKey(key, Object.keys(fields)))
      else read.set(key, field.form(inner))
    }
    const needed = Object.keys(fields).filter((key) => fields[key]?.isRequired)
    for (const key of needed) if (!read.has(key)) complain(spot, `“${key}” is missing`)
    if (needed.some((key) => read.get(key) === undefined)) return undefined
    return Object.fromEntries(read) as ReadFields<F>
  }
}

/** A mapping whose keys the writer chooses. Nothing at all is an empty one. */
export function mapOf<T>(
  form: Form<T>,
  checkKey?: (key: string) => string | undefined,
): Form<ReadonlyMap<string, T>> {
  return (spot) => {
    const read = new Map<string, T>()
    if (isNothing(spot.node)) return read
    const map = mapping(spot)
    for (const [key, inner] of map === undefined ? [] : entries(map, spot)) {
      const wrong = checkKey?.(key)
      if (wrong !== undefined) complain(inner.at, wrong)
      const value = form(inner)
      if (value !== undefined) read.set(key, value)
    }
    return read
  }
}

export function listOf<T>(form: Form<T>): Form<readonly T[]> {
  return (spot) => {
    const node = resolved(spot)
    if (!isSeq(node))
      return complain(spot, `is ${kindOf(node ?? spot.node)}, should be a list: one line with “- ” for each`)
    const items = node.items.map((item, index) => form(inside(spot, item as Node, `${spot.path}[${index}]`)))
    const readable = items.filter((item) => item !== undefined)
    return readable.length === items.length ? Object.freeze(readable) : undefined
  }
}

/** Runs after a form when several entries must fit together. */
export function checked<T>(form: Form<T>, check: (value: T, spot: Spot) => void): Form<T> {
  return (spot) => {
    const value = form(spot)
    if (value !== undefined) check(value, spot)
    return value
  }
}

function mapping(spot: Spot): YAMLMap | undefined {
  const node = resolved(spot)
  return isMap(node)
    ? node
    : complain(spot, `is ${kindOf(node ?? spot.node)}, should be a mapping: “key: value” lines, indented`)
}

function unknownKey(key: string, known: readonly string[]): string {
  const [near] = findNearest(known, key, { kind: 'slug', limit: 1 })
  const advice = near === undefined ? `known are ${known.join(', ')}` : `did you mean “${near}”?`
  return `is not a key that belongs here; ${advice}`
}
