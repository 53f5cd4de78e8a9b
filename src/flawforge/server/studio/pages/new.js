import { address, by, post, tell } from "/studio.js";

const form = by("form");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form)); // what is empty is left out by the studio
  const button = form.querySelector("button");
  button.disabled = true;
  tell("");
  try {
    const { id } = await post("/jobs", { verb: form.dataset.verb, values });
    location.assign(address("/job", { id }));
  } catch (error) {
    tell(error.message);
    button.disabled = false;
  }
});
