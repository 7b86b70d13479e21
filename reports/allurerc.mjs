// One file, grouped as the gate thinks: migration, stage, check. What the agent plugin writes
// is for other readers.
export default {
  appendHistory: false,
  plugins: {
    awesome: {
      options: {
        singleFile: true,
        reportLanguage: "en",
        groupBy: ["epic", "feature", "story"],
        sections: [],
      },
    },
    agent: { enabled: false },
  },
};
