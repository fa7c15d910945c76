-- Policies that run out a week after the day of the run.
SELECT policy_id, first_name, due_date, amount, mobile, alternate_mobile
FROM policies
WHERE due_date = CAST('{{ data_interval_end.in_timezone("Asia/Kolkata").add(days=7).to_date_string() }}' AS DATE)
