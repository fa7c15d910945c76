-- Policies that run out a week after the day of the run.
SELECT policy_id, first_name, due_date, amount, mobile, alternate_mobile
FROM policies
WHERE due_date = CAST('{{ run_date.add(days=7) }}' AS DATE)
