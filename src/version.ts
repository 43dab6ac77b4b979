/** The version, in the one place a compiled executable can find it; a test compares it with package.json. */
export const version = "0.1.0";
