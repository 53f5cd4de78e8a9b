import { address, post } from "/studio.js";

const form = document.getElementById("form");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form)); // what is empty is left out by the studio
  const button = form.querySelector("button");
  button.disabled = true;
  refused.hidden = true;
  try {
    const { id } = await post("/jobs", { verb: form.dataset.verb, values });
    location.assign(address("/job", { id }));
  } catch (error) {
    refused.textContent = error.message;
    refused.hidden = false;
    button.disabled = false;
  }
});
