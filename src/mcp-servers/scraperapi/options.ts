import { z } from 'zod'
import { country } from '../shared/schemas.ts'
import type { Options } from './client.ts'

/** The options that change the cost of a scrape. */
export const scrapeOptions = {
  format: z
    .enum(['markdown', 'text', 'html', 'json'])
    .default('markdown')
    .describe('markdown is best for reading; json only for sites the vendor parses.'),
  render: z.boolean().default(false).describe('Run the scripts of the page; about ten times more expensive.'),
  wait_for_selector: z.string().max(300).optional().describe('CSS selector to wait for; needs render.'),
  country: country.optional().describe('Two-letter country to read from; depends on the plan.'),
  device: z.enum(['desktop', 'mobile']).default('desktop').describe('Device to read as.'),
  tier: z
    .enum(['standard', 'premium', 'ultra_premium'])
    .default('standard')
    .describe('Stronger proxies for sites that refuse; 10 and 30 times more expensive.'),
  session: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe('Same number, same proxy, for a few minutes.'),
  max_cost: z.int().min(1).max(1000).optional().describe('Refuse if it would cost more credits.'),
}

const shape = z.object(scrapeOptions)

export function vendorOptions(args: z.output<typeof shape>): Options {
  return {
    output_format: args.format === 'html' ? undefined : args.format,
    render: args.render ? true : undefined,
    wait_for_selector: args.render ? args.wait_for_selector : undefined,
    country_code: args.country,
    device_type: args.device === 'mobile' ? 'mobile' : undefined,
    premium: args.tier === 'premium' ? true : undefined,
    ultra_premium: args.tier === 'ultra_premium' ? true : undefined,
    session_number: args.session,
    max_cost: args.max_cost,
  }
}
