/** What is wrong for good: asking again would not help. The message is for people. */
export class Refused extends Error {}
